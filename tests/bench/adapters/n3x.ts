/** n3x under load: annotations of VMs over the HTTP API. */

import { type Adapter, Ends, KEYS } from './adapter.ts';
import { Http1Connection } from './http1-connection.ts';

/** How long a request may take, in ms, once its leader is gone. */
const TIMEOUT_MS = 15_000;

/** Makes one VM for each key; stopped ones, that nothing has to be done about. */
export async function prepareN3x(socket: string): Promise<void> {
  const connection = await Http1Connection.open(socket);
  for (let i = 0; i < KEYS; i++) {
    const body = { name: `vm-${i}`, power: 'stopped', spec: { source: { kind: 'inline' } } };
    const status = await connection.send('POST', '/v1/vms', JSON.stringify(body));
    if (status >= 300) throw new Error(`POST /v1/vms answered ${status}`);
  }
  connection.close();
}

/** Talks to the daemons behind `sockets` in turn, one connection for each request in flight. */
export function n3xAdapter(sockets: readonly string[]): Adapter {
  const ends = new Ends(sockets.length, (end) => Http1Connection.open(sockets[end] ?? ''));
  const request = async (method: 'GET' | 'POST', key: number, body: string): Promise<void> => {
    const { connection, done } = await ends.take();
    let status = 0;
    try {
      const path = `/v1/vms/vm-${key % KEYS}/annotations`;
      status = await connection.send(method, path, body, `n3x-timeout-ms: ${TIMEOUT_MS}\r\n`);
    } finally {
      done(status !== 0);
    }
    if (status >= 300) throw new Error(`status ${status}`);
  };
  return {
    put: (key, value) => request('POST', key, `{"set":{"bench":"${value}"}}`),
    get: (key) => request('GET', key, ''),
    close: () => ends.close(),
  };
}
