/**
 * What noise's frames cost beside their encryption, spared twice.
 *
 * A frame goes to the socket as a list of a length and a ciphertext, and TCP writes each part of a list by itself:
 * two system calls and, without Nagle's delay, two segments that wake the receiver twice for one message. Here what
 * is sent at once is one piece by the time that TCP sees it.
 *
 * After each frame the receiver looks for the length of another one and, as a rule, finds nothing yet. It learns that
 * from an exception that is thrown and caught, with its stack, for each piece of data that comes in. Here a length
 * that has not arrived reads as one that is longer than what has, which it waits for in the same way.
 */
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface';

/** Bytes of a frame's length, as the protocol has it (https://noiseprotocol.org/noise.html, section 3). */
const LENGTH_BYTES = 2;
/** Longer than anything that is shorter than a length. */
const NOT_YET = 0xffff;

/** Makes encrypters whose connections do this. */
export function leanFrames<Components>(
  make: (components: Components) => ConnectionEncrypter,
): (components: Components) => ConnectionEncrypter {
  return (components) => {
    const encrypter = make(components);
    const secureInbound = encrypter.secureInbound.bind(encrypter);
    const secureOutbound = encrypter.secureOutbound.bind(encrypter);
    encrypter.secureInbound = async (connection, options) => {
      const secured = await secureInbound(joining(connection), options);
      quieten(secured.connection);
      return secured;
    };
    encrypter.secureOutbound = async (connection, options) => {
      const secured = await secureOutbound(joining(connection), options);
      quieten(secured.connection);
      return secured;
    };
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

/** What of a secured connection this looks at. */
interface FrameReader {
  readonly decoder: { lengthDecoder: (data: { readonly byteLength: number }) => number };
}

function isFrameReader(connection: object): connection is FrameReader {
  if (!('decoder' in connection)) return false;
  const { decoder } = connection;
  return (
    typeof decoder === 'object' &&
    decoder !== null &&
    'lengthDecoder' in decoder &&
    typeof decoder.lengthDecoder === 'function'
  );
}

/** Lets a connection wait for a length without an exception. Leaves one of another kind as it is. */
function quieten(connection: object): void {
  if (!isFrameReader(connection)) return;
  const { decoder } = connection;
  const decode = decoder.lengthDecoder;
  decoder.lengthDecoder = (data) => (data.byteLength < LENGTH_BYTES ? NOT_YET : decode(data));
}
