/** The flags of `vm update`, put over the spec that is there. */
import type { PathBase } from './flake-reference.ts';
import { parsePlacement } from './placement.ts';
import { UsageError } from './usage-error.ts';
import { flakeSource, INLINE_FLAGS, inlineSource, otherFields, type VmCreateFlags } from './vm-request.ts';

/** Flags of `vm update` that say what is asked for. */
export type VmChangeFlags = Omit<VmCreateFlags, 'start'>;

/** A spec as the API gives it. */
type Spec = import('@n3x/core/api/schemas').VmView['spec'];
type SpecInput = import('@n3x/core/api/schemas').VmCreateRequest['spec'];

function changedSource(spec: Spec, name: string, flags: VmChangeFlags, base: PathBase): SpecInput['source'] {
  const inline = INLINE_FLAGS.filter((flag) => flags[flag] !== undefined);
  const { source } = spec;
  if (flags.flake !== undefined) {
    const before = source.kind === 'flake' ? source : undefined;
    const { networks } = before ?? {};
    return {
      ...(networks === undefined ? {} : { networks }),
      ...flakeSource(before?.attribute ?? name, flags.flake, flags.network, base),
    };
  }
  if (inline.length === 0) return source;
  if (source.kind === 'flake') {
    throw new UsageError(
      `${name} is made from a flake, which defines the whole guest: --${inline.join(', --')} cannot go with that`,
    );
  }
  const { interfaces, ...named } = inlineSource(flags, base);
  const all =
    flags.net === undefined && source.interfaces.some(({ type }) => type === 'user') ? source.interfaces : interfaces;
  return { ...source, ...named, ...(all === undefined ? {} : { interfaces: all }) };
}

/**
 * The spec as it is with what the flags name put in place of what it says; what they do not name stays. A list, such as
 * that of labels, is replaced whole. Throws `UsageError` that names the flag.
 */
export function changedSpec(spec: Spec, name: string, flags: VmChangeFlags, base: PathBase): SpecInput {
  const placement = parsePlacement(flags);
  const fields = otherFields(flags);
  return {
    ...spec,
    source: changedSource(spec, name, flags, base),
    ...fields,
    // Each of them has several flags, and those that were not given stay.
    ...(fields.health === undefined ? {} : { health: { ...spec.health, ...fields.health } }),
    ...(fields.restart === undefined ? {} : { restart: { ...spec.restart, ...fields.restart } }),
    ...(placement === undefined ? {} : { placement: { ...spec.placement, ...placement } }),
  };
}
