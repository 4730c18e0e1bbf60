import { ROUTES } from '@n3x/core/api/routes';
import * as schemas from '@n3x/core/api/schemas';
import t from 'tap';
import {
  CONSOLE_INPUT_HEADER,
  CONSOLE_UPGRADE,
  OPERATIONS,
  operationPath,
  REQUEST_ID_HEADER,
  TIMEOUT_HEADER,
} from './operations.ts';

t.test('operations and headers are those of the API', async (t) => {
  for (const [id, operation] of Object.entries(OPERATIONS)) {
    const route = Object.entries(ROUTES).find(([name]) => name === id)?.[1];
    t.same({ method: route?.method, path: route?.path }, operation, id);
  }
  t.equal(REQUEST_ID_HEADER, schemas.REQUEST_ID_HEADER);
  t.equal(TIMEOUT_HEADER, schemas.TIMEOUT_HEADER);
  t.equal(CONSOLE_UPGRADE, schemas.CONSOLE_UPGRADE);
  t.equal(CONSOLE_INPUT_HEADER, schemas.CONSOLE_INPUT_HEADER);
});

t.test('parameters and queries are encoded', async (t) => {
  t.equal(operationPath('getVm', { name: 'a/b c' }), '/v1/vms/a%2Fb%20c');
  t.equal(
    operationPath('getVmLogs', { name: 'a' }, { lines: 3, follow: true, kind: undefined }),
    '/v1/vms/a/logs?lines=3&follow=true',
  );
});
