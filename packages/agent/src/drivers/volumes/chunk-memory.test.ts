import { PerformanceObserver } from 'node:perf_hooks';
import t from 'tap';
import { until } from '../../transport/test-loopback.ts';
import { passed } from './chunk-memory.ts';

t.test('what has gone through is collected among the young, once it is enough', async (t) => {
  let minor = 0;
  const observer = new PerformanceObserver((list) => {
    minor += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  t.teardown(() => observer.disconnect());
  passed(64 * 1_048_576);
  await until('it is collected', () => minor > 0);
  t.pass();
});
