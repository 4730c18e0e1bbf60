import t from 'tap';
import { localName, projectNameSchema, projectOf, qualifiedName, vmNameSchema } from './vm-name.ts';

t.test('names of VMs, with and without a project', async (t) => {
  const project = 'p'.repeat(31);
  for (const name of ['web', 'shop.web', 'a.b', 'defaulted.x', 'w'.repeat(63), `${project}.${'w'.repeat(31)}`]) {
    t.ok(vmNameSchema.safeParse(name).success, name);
  }
  const wrong = ['', '.web', 'shop.', 'a.b.c', 'default.web', 'Shop.web', 'shop.-x', 'shop-.web', '1.web', 'shop/web'];
  for (const name of [...wrong, `${project}p.web`, `${project}.${'w'.repeat(32)}`, 'w'.repeat(64)]) {
    t.notOk(vmNameSchema.safeParse(name).success, name);
  }
  t.ok(projectNameSchema.safeParse(project).success);
  t.notOk(projectNameSchema.safeParse(`${project}p`).success);
});

t.test('a qualified name comes apart as it was put together', async (t) => {
  for (const [project, name, qualified] of [
    ['default', 'web', 'web'],
    ['shop', 'web', 'shop.web'],
  ] as const) {
    t.equal(qualifiedName(project, name), qualified);
    t.equal(projectOf(qualified), project);
    t.equal(localName(qualified), name);
  }
});
