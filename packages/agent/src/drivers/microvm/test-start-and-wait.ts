/** For tests: a daemon's driver in a process of its own, to be killed. Starts one VM and goes on until then. */
import type { DriverVm } from '@n3x/core/ports/driver';
import { TestHost } from './test-host.ts';

const [directory, text] = process.argv.slice(2);
const vm = JSON.parse(text ?? '') as DriverVm;
const host = await TestHost.create({}, directory);
host.driver.watch([{ vm, power: 'running' }]);
for (const outcome of [await host.act({ type: 'build', vm }), await host.act({ type: 'start', vm, restarts: 2 })]) {
  if (!outcome.ok) throw new Error(outcome.message);
}
const { process: started } = await host.until(vm.name, (seen) => seen.process !== undefined);
process.stdout.write(`${started?.pid}\n`);
setInterval(() => undefined, 60_000);
