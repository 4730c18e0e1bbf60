/** etcd under load: keys and values over its gRPC API, several calls on each connection as its own clients do. */
import { type Adapter, KEYS } from './adapter.ts';
import { grpcHeaders, Http2Connection } from './http2-connection.ts';

const PUT = grpcHeaders('/etcdserverpb.KV/Put');
const RANGE = grpcHeaders('/etcdserverpb.KV/Range');

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

/** A length-delimited protobuf field. */
function field(number: number, value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(bytes.length)]), bytes]);
}

function grpcMessage(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** Talks to the members at `ports` of this machine in turn; a member that is gone is passed over at once. */
export function etcdAdapter(ports: readonly number[]): Adapter {
  const connections = new Map<number, Promise<Http2Connection>>();
  const badUntil = new Map<number, number>();
  let next = 0;
  const pick = (): number => {
    for (let i = 0; i < ports.length; i++) {
      const port = ports[next++ % ports.length] ?? 0;
      if ((badUntil.get(port) ?? 0) <= performance.now()) return port;
    }
    return ports[next++ % ports.length] ?? 0;
  };
  const call = async (headers: Buffer, message: Buffer): Promise<void> => {
    const port = pick();
    try {
      let connection = await connections.get(port);
      if (connection === undefined || connection.closed) {
        const opened = Http2Connection.open('127.0.0.1', port);
        connections.set(port, opened);
        connection = await opened;
      }
      await connection.call(headers, message);
    } catch (error) {
      badUntil.set(port, performance.now() + 500);
      connections.delete(port);
      throw error;
    }
  };
  const name = (key: number): string => `bench/${key % KEYS}`;
  return {
    put: (key, value) => call(PUT, grpcMessage(Buffer.concat([field(1, name(key)), field(2, value)]))),
    get: (key) => call(RANGE, grpcMessage(field(1, name(key)))),
    close: () => {
      for (const opened of connections.values()) opened.then((connection) => connection.close()).catch(() => undefined);
    },
  };
}
