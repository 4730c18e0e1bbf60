import t from 'tap';
import { z } from 'zod';
import { vmCreateRequestSchema } from '../api/schemas.ts';
import { describeIssues, issueLine } from './issues.ts';

function lines(schema: z.ZodType, input: unknown): string[] {
  const parsed = schema.safeParse(input);
  if (parsed.success) return [];
  return describeIssues(parsed.error, schema, input).map((issue) => issueLine([issue]));
}

const source = { kind: 'flake', ref: 'github:me/vms', attribute: 'web' };

t.test('a VM that is not right says where, what and how to mend it', async (t) => {
  const vm = (spec: object) => lines(vmCreateRequestSchema, { name: 'web', spec: { source, ...spec } });
  t.same(vm({}), []);
  t.same(vm({ vcpu: 0 }), ['spec.vcpu: must be at least 1 (got 0)']);
  t.same(vm({ vcpu: 1.5 }), ['spec.vcpu: must be a whole number (got 1.5)']);
  t.same(vm({ vcpu: '2' }), ['spec.vcpu: must be a number (got "2")']);
  t.same(vm({ memoryMib: 1e9 }), ['spec.memoryMib: must be at most 67108864 (got 1000000000)']);
  t.same(vm({ vcpus: 1 }), ['spec.vcpus: unknown field, did you mean "vcpu"?']);
  t.same(vm({ zzzzzz: 1 }), ['spec.zzzzzz: unknown field']);
  t.same(vm({ source: { ...source, kind: 'flak' } }), [
    'spec.source.kind: must be one of flake, inline (got "flak", did you mean "flake"?)',
  ]);
  t.same(vm({ source: {} }), ['spec.source.kind: is missing: must be one of flake, inline']);
  t.same(vm({ source: { ...source, attribut: 1 } }), [
    'spec.source.attribut: unknown field, did you mean "attribute"?',
  ]);
  t.same(vm({ source: { kind: 'inline', volumes: [{ name: 'd', sizeMib: 1, mountpoint: '/d' }] } }), [
    'spec.source.volumes[0].mountpoint: unknown field, did you mean "mountPoint"?',
  ]);
  t.same(vm({ source: { kind: 'inline', hypervisor: 'qmeu' } }), [
    'spec.source.hypervisor: must be one of qemu, cloud-hypervisor, firecracker, crosvm, kvmtool, stratovirt, alioth ' +
      '(got "qmeu", did you mean "qemu"?)',
  ]);
  t.same(vm({ source: { kind: 'inline', forwards: [{ guestPort: 80 }] } }), [
    'spec.source.forwards: forwarded ports need an interface of type user',
  ]);
  t.match(vm({ labels: { 'a b': 'x' } }), [/^spec\.labels\."a b": a label key is .* \(got "a b"\)$/]);
});

t.test('the input as a whole', async (t) => {
  t.same(lines(vmCreateRequestSchema, undefined), ['is missing']);
  t.same(lines(vmCreateRequestSchema, []), ['must be an object (got a list of 0)']);
  t.same(lines(vmCreateRequestSchema, {}), ['name: is missing', 'spec: is missing']);
  t.match(lines(vmCreateRequestSchema, { name: 'Web', spec: { source } }), [/^name: a name is .* \(got "Web"\)$/]);
});

t.test('lengths, plain unions and long values', async (t) => {
  t.same(lines(z.string().min(3), 'ab'), ['must have at least 3 characters (has 2)']);
  t.same(lines(z.array(z.int()).max(1), [1, 2]), ['must have at most 1 items (has 2)']);
  t.same(lines(z.union([z.string(), z.int()]), true), ['must be a string (got true)']);
  t.equal(lines(z.int(), 'x'.repeat(100))[0]?.length, 'must be a number (got )'.length + 60);
  t.equal(lines(z.array(z.int()), Array(99).fill('x')).length, 16, 'bounded');
});
