/**
 * noise hands its frames to the socket as a list of a length and a ciphertext, and TCP writes each part of a list by
 * itself: two system calls and, without Nagle's delay, two segments that wake the receiver twice for one message.
 * Here what is sent at once is one piece by the time that TCP sees it.
 */
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface';

/** Makes encrypters whose frames are written at once each. */
export function inOneWrite<Components>(
  make: (components: Components) => ConnectionEncrypter,
): (components: Components) => ConnectionEncrypter {
  return (components) => {
    const encrypter = make(components);
    const secureInbound = encrypter.secureInbound.bind(encrypter);
    const secureOutbound = encrypter.secureOutbound.bind(encrypter);
    encrypter.secureInbound = (connection, options) => secureInbound(joining(connection), options);
    encrypter.secureOutbound = (connection, options) => secureOutbound(joining(connection), options);
    return encrypter;
  };
}

/** The same stream, which from now on sends a list of parts as one. */
function joining<Stream extends MessageStream>(stream: Stream): Stream {
  const send = stream.send.bind(stream);
  // A list of one part gives that part itself, one of several a copy of them all.
  stream.send = (data) => send(data.subarray());
  return stream;
}
