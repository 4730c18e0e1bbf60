/**
 * Names of VMs as users write them and as the API takes them. They repeat a little of the model's `vm-name.ts`, so that
 * start-up need not load the schemas; a test holds the two together.
 */
import { UsageError } from './usage-error.ts';

/** The project that VMs belong to when nothing else is said. */
export const DEFAULT_PROJECT = 'default';

const PROJECT = /^[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?$/;

/** The project that a flag or variable names; `default` without one. Throws `UsageError` that names the flag or variable. */
export function readProject(from: string, text: string | undefined): string {
  if (text === undefined || text === '') return DEFAULT_PROJECT;
  if (PROJECT.test(text)) return text;
  throw new UsageError(
    `${from}: "${text}" is no name of a project: it is 1 to 31 of a-z, 0-9 and -, starts with a letter and does not end with -`,
  );
}

/** The name of a VM as the API takes it: what is written with a project is that project's, anything else `project`'s. */
export function vmNameIn(project: string, name: string): string {
  if (name.startsWith(`${DEFAULT_PROJECT}.`)) return name.slice(DEFAULT_PROJECT.length + 1);
  return name.includes('.') || project === DEFAULT_PROJECT ? name : `${project}.${name}`;
}

/** The name of a VM without its project. */
export function nameInProject(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}
