import type { Route } from '@n3x/core/api/route';
import { ROUTES } from '@n3x/core/api/routes';
import { HTTP_STATUS } from '@n3x/core/api/schemas';
import { ERROR_CODES } from '@n3x/core/base/errors';
import t from 'tap';
import { type OpenApiDocument, openApiDocument } from './openapi.ts';
import { call, serve } from './test-cluster.ts';

const routes: [string, Route][] = Object.entries(ROUTES);
const document: OpenApiDocument = JSON.parse(JSON.stringify(openApiDocument('1.2.3')));

function* refsIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '$ref' && typeof inner === 'string') yield inner;
    else yield* refsIn(inner);
  }
}

t.test('is served', async (t) => {
  const { socket } = await serve(t, { init: false });
  const answer = await call(socket, 'GET', '/openapi.json');
  t.equal(answer.status, 200);
  t.match(answer.json, { openapi: '3.1.1', info: { title: 'n3x', version: '0.1.0' } });
  t.same(answer.at('paths'), document.paths);
});

t.test('holds every route and nothing else', async (t) => {
  const found = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => `${operation.operationId} ${method.toUpperCase()} ${path}`),
  );
  const wanted = routes.map(([id, route]) => `${id} ${route.method} ${route.path.replace(/:(\w+)/g, '{$1}')}`);
  t.same(found.sort(), wanted.sort());
});

t.test('every reference leads somewhere, every tag and id is told once', async (t) => {
  for (const ref of new Set(refsIn(document))) {
    const [, , group = '', name = ''] = ref.split('/');
    const groups: Record<string, object> = { ...document.components };
    t.ok(name in (groups[group] ?? {}), ref);
  }
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const ids = operations.map((operation) => operation.operationId);
  t.equal(new Set(ids).size, ids.length);
  const tags = new Set(document.tags.map((tag) => tag.name));
  for (const operation of operations) {
    t.ok(operation.summary.length > 0 && operation.tags.every((tag) => tags.has(tag)), operation.operationId);
  }
});

t.test('parameters are those of the path, and each has a schema', async (t) => {
  for (const [path, methods] of Object.entries(document.paths)) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    for (const operation of Object.values(methods)) {
      const own = (operation.parameters ?? []).flatMap((parameter) => ('$ref' in parameter ? [] : [parameter]));
      const declared = own.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name);
      t.same(declared, inPath, path);
      for (const parameter of own) t.ok(Object.keys(parameter.schema).length > 0, `${path} ${parameter.name}`);
    }
  }
});

t.test('every error of a route is told under its status, and every code has a status', async (t) => {
  for (const [id, route] of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    const responses = document.paths[path]?.[route.method.toLowerCase()]?.responses ?? {};
    for (const code of [...route.errors, 'N3X_INVALID', 'N3X_INTERNAL'] as const) {
      t.match(responses[HTTP_STATUS[code]]?.description ?? '', new RegExp(`\\b${code}\\b`), `${id} ${code}`);
    }
    t.ok(
      Object.keys(responses).some((status) => /^[12]/.test(status)),
      `${id} can go well`,
    );
  }
  for (const code of Object.values(ERROR_CODES)) t.ok(HTTP_STATUS[code] >= 400, code);
});

t.test('secrets are in no schema of an answer, requests may leave out defaults', async (t) => {
  t.notMatch(JSON.stringify(document.components.schemas['Token']), /secretHash/);
  const request = document.components.schemas['VmCreateRequest'] as { required: string[] };
  t.same(request.required, ['name', 'spec']);
  t.notOk(document.paths['/v1/cluster/init']?.['post']?.requestBody?.required);
  t.ok(document.paths['/v1/vms']?.['post']?.requestBody?.required);
});
