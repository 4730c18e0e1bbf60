/** Asks a daemon over its socket, without the cost of an n3xctl: a lab asks often, on a machine that has enough to do. */
import { request } from 'node:http';

/** The JSON that a GET answers with. Rejects on any other status than 200, and after `timeoutMs`. */
export function ask<T>(socketPath: string, path: string, timeoutMs = 5_000): Promise<T> {
  return new Promise((resolve, reject) => {
    const headers = { 'n3x-timeout-ms': String(timeoutMs) };
    const sent = request({ socketPath, path, headers, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as T);
        else reject(new Error(`GET ${path}: ${response.statusCode} ${text.slice(0, 300)}`));
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}
