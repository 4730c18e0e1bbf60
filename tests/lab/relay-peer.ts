/** A process for the relay's test: listens and answers in capitals, dials when told to, tells its parent what it hears. */
import { connect, createServer, type Socket } from 'node:net';

let dialled: Socket | undefined;

function listen(socket: Socket, answers: boolean): void {
  socket.on('error', () => undefined);
  socket.on('close', () => process.send?.({ ended: true }));
  socket.on('data', (chunk) => {
    process.send?.({ heard: chunk.toString() });
    if (answers) socket.write(chunk.toString().toUpperCase());
  });
}

const server = createServer((socket) => listen(socket, true));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: address === null || typeof address === 'string' ? 0 : address.port });
});
process.on('message', (message: { dial?: number; say?: string }) => {
  if (message.dial !== undefined) {
    dialled = connect({ host: '127.0.0.1', port: message.dial });
    listen(dialled, false);
  }
  if (message.say !== undefined) dialled?.write(message.say);
});
process.on('disconnect', () => process.exit(0));
