import { connect } from 'node:net';
import t from 'tap';
import { call, FLAKE_SPEC, serve } from './test-cluster.ts';

/** Sends bytes and gives all that comes back until the end. */
async function raw(socketPath: string, bytes: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.once('close', () => resolve(text));
    socket.once('error', reject);
    socket.write(bytes);
  });
}

t.test('every malformed request is answered in the same form', async (t) => {
  const { socket, host } = await serve(t);
  const cases: [what: string, method: string, path: string, body: unknown, status: number, message: RegExp][] = [
    ['bad JSON', 'POST', '/v1/vms', '{"name": ', 400, /^the body is not valid JSON: /],
    ['no object', 'POST', '/v1/vms', '[1]', 400, /^must be an object \(got a list of 1\)$/],
    ['null', 'POST', '/v1/vms', 'null', 400, /^name: is missing; spec: is missing$/],
    ['a poisoned key', 'POST', '/v1/vms', '{"__proto__": {"a": 1}}', 400, /__proto__: unknown field/],
    [
      'deep nesting',
      'POST',
      '/v1/vms',
      `{"name": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
      400,
      /^name: must be/,
    ],
    ['too large', 'POST', '/v1/vms', JSON.stringify('x'.repeat(1_048_577)), 400, /larger than 1048576 bytes$/],
    [
      'unknown route',
      'GET',
      '/v1/vmz',
      undefined,
      404,
      /^GET \/v1\/vmz is no route of this API: did you mean \/v1\/vms\?$/,
    ],
    ['far route', 'GET', '/metrics/of/all', undefined, 404, /GET \/openapi\.json lists all$/],
    ['wrong method', 'PUT', '/v1/vms/web', undefined, 400, /^PUT is not allowed on \/v1\/vms\/web: use GET, DELETE$/],
    ['HEAD', 'DELETE', '/v1/version', undefined, 400, /^DELETE is not allowed on \/v1\/version: use GET$/],
    ['percent', 'GET', '/v1/vms/%zz', undefined, 400, /percent signs/],
    ['bad name', 'GET', '/v1/vms/Web', undefined, 400, /^name: a name is .* \(got "Web"\)$/],
    ['long name', 'GET', `/v1/vms/${'a'.repeat(300)}`, undefined, 400, /^name: /],
    [
      'unknown query',
      'GET',
      '/v1/vms?consistancy=stale',
      undefined,
      400,
      /^consistancy: unknown field, did you mean "consistency"\?$/,
    ],
    ['twice', 'GET', '/v1/vms?consistency=stale&consistency=stale', undefined, 400, /^consistency: must be one of/],
  ];
  for (const [what, method, path, body, status, message] of cases) {
    const answer = await call(socket, method, path, body);
    t.equal(answer.status, status, what);
    t.match(answer.at('error.message'), message, what);
    t.match(answer.at('error.code'), /^N3X_(INVALID|NOT_FOUND)$/, what);
  }
  t.equal((await call(socket, 'PUT', '/v1/vms')).headers['allow'], 'GET, POST');
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  t.match(await call(socket, 'POST', '/v1/vms', 'name=web', form), {
    status: 400,
    json: { error: { code: 'N3X_INVALID', message: /^the body must be JSON: .*content-type: application\/json/ } },
  });
  t.match(await call(socket, 'POST', '/v1/cluster/leave', ''), { status: 422 }, 'an empty body is none');
  t.equal(host.commands.length, 1, 'only that one came through');
});

t.test('what is no HTTP is answered too', async (t) => {
  const { socket } = await serve(t);
  t.match(await raw(socket, 'hello\r\n\r\n'), /^HTTP\/1\.1 400 [\s\S]*"code":"N3X_INVALID"[\s\S]*not valid HTTP/);
  const wide = `GET /v1/version HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(20_000)}\r\n\r\n`;
  t.match(await raw(socket, wide), /^HTTP\/1\.1 400 [\s\S]*headers are larger than 16 KiB/);
  t.equal((await call(socket, 'GET', '/v1/version')).status, 200, 'and others are still served');
});

t.test('many requests at once on one connection each', async (t) => {
  const { socket, cluster } = await serve(t);
  const names = Array.from({ length: 64 }, (_, number) => `vm-${number}`);
  const answers = await Promise.all(names.map((name) => call(socket, 'POST', '/v1/vms', { name, spec: FLAKE_SPEC })));
  t.ok(answers.every((answer) => answer.status === 201));
  t.equal(cluster.state?.vmCount, 64);
});

t.test('two that want the same name with other specs: one gets it, one the conflict', async (t) => {
  const { socket } = await serve(t);
  const specs = [1, 2, 3, 4].map((vcpu) => ({ ...FLAKE_SPEC, vcpu }));
  const answers = await Promise.all(specs.map((spec) => call(socket, 'POST', '/v1/vms', { name: 'web', spec })));
  t.same(answers.map((answer) => answer.status).sort(), [201, 409, 409, 409]);
});
