/**
 * Names of VMs. A VM's name is unique in its project. In the project `default` it is just that, `web`; in any other it is
 * written with the project before it, `shop.web`. That qualified name is the VM's key everywhere: in the state, as the
 * name of its directory and of its unit on a host, in messages. Names themselves have no dots, so nothing is ambiguous.
 */
import { z } from 'zod';
import { nameSchema } from './names.ts';

/** The project that is always there, and that VMs belong to when nothing else is said. */
export const DEFAULT_PROJECT = 'default';

/** Longest name of a project: half of {@link VM_NAME_MAX} is left for its VMs. */
export const PROJECT_NAME_MAX = 31;

/** Longest name of a VM, its project included: it is part of unit names, paths and kernel parameters. */
export const VM_NAME_MAX = 63;

/** Name of a project. */
export const projectNameSchema = nameSchema.max(
  PROJECT_NAME_MAX,
  `the name of a project has at most ${PROJECT_NAME_MAX} characters: those of its VMs come after it`,
);

/** Name of a VM: `NAME`, or `PROJECT.NAME` outside the project `default`. */
export const vmNameSchema = z
  .string()
  .max(VM_NAME_MAX, `the name of a VM has at most ${VM_NAME_MAX} characters, its project included`)
  .regex(
    /^(?!default\.)(?:[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?\.)?[a-z](?:[a-z0-9-]*[a-z0-9])?$/,
    'a name is 1 to 63 of a-z, 0-9 and -, starts with a letter and does not end with -; outside the project default it is PROJECT.NAME',
  );

/** The project of a VM, by its name. */
export function projectOf(vmName: string): string {
  const dot = vmName.indexOf('.');
  return dot < 0 ? DEFAULT_PROJECT : vmName.slice(0, dot);
}

/** The name that a VM has within its project; its guest's host name. */
export function localName(vmName: string): string {
  return vmName.slice(vmName.indexOf('.') + 1);
}

/** The name of a VM everywhere, from its project and the name that it has there. */
export function qualifiedName(project: string, name: string): string {
  return project === DEFAULT_PROJECT ? name : `${project}.${name}`;
}
