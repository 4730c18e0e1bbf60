/** Refuses early what a VM's schema cannot see and every host would trip over. */
import type { RouteBody } from '@n3x/core/api/routes';
import type { Issue } from '@n3x/core/model/issues';
import { invalid } from './problems.ts';

/** Throws `N3X_INVALID` for a VM that cannot work on any host. */
export function checkVmRequest(request: Pick<RouteBody<'createVm'>, 'spec'>): void {
  const issues: Issue[] = [];
  for (const [path, ref] of flakeRefs(request)) {
    const wrong = refuseFlakeRef(ref);
    if (wrong !== null) issues.push({ path, steps: [path], message: wrong });
  }
  const { readiness } = request.spec;
  if (readiness.type === 'console') {
    const wrong = refusePattern(readiness.pattern);
    const path = 'spec.readiness.pattern';
    if (wrong !== null) issues.push({ path, steps: [path], message: wrong });
  }
  if (issues.length > 0) throw invalid(issues);
}

/** Every flake reference with its place. */
function flakeRefs({ spec: { source } }: Pick<RouteBody<'createVm'>, 'spec'>): [path: string, ref: string][] {
  if (source.kind === 'flake') return [['spec.source.ref', source.ref]];
  const refs: [string, string][] = [];
  source.modules.forEach((module, position) => {
    if (module.kind === 'flake') refs.push([`spec.source.modules[${position}].ref`, module.ref]);
  });
  if (source.nixpkgs !== undefined) refs.push(['spec.source.nixpkgs', source.nixpkgs]);
  if (source.microvm !== undefined) refs.push(['spec.source.microvm', source.microvm]);
  return refs;
}

/**
 * Why a flake reference cannot be used by a cluster, or null. A relative path would mean another place on
 * each host, and none that the user had in mind.
 */
export function refuseFlakeRef(ref: string): string | null {
  const path = /^(?:path:|git\+file:|file:)?(.*)$/.exec(ref)?.[1] ?? ref;
  const hasScheme = path !== ref;
  const relative = /^\.{1,2}(?:$|[/?])/.test(path) || path.startsWith('~') || (hasScheme && !path.startsWith('/'));
  if (!relative) return null;
  return `the relative path ${ref} means nothing on other hosts: give an absolute path that every host has, or a URL like github:owner/repo`;
}

function refusePattern(pattern: string): string | null {
  try {
    new RegExp(pattern, 'u');
    return null;
  } catch (error) {
    return error instanceof SyntaxError ? error.message : String(error);
  }
}
