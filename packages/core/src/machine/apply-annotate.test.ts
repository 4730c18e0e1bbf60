import t from 'tap';
import { ANNOTATION_VALUE_MAX, ANNOTATIONS_MAX, type AnnotationChanges } from '../model/names.ts';
import { SampleCluster } from './sample.ts';

function setUp() {
  const cluster = new SampleCluster();
  cluster.create('web');
  const annotate = (set: AnnotationChanges, ifModifiedIndex?: number) =>
    cluster.apply({
      type: 'annotate',
      kind: 'vm',
      name: 'web',
      set,
      ...(ifModifiedIndex === undefined ? {} : { ifModifiedIndex }),
    });
  return { state: cluster.state, cluster, annotate };
}

t.test('sets, replaces, takes away, and leaves the generation', async (t) => {
  const { state, annotate } = setUp();
  const generation = state.vm('web')?.generation;
  t.match(annotate({ b: '1', a: '2' }), { ok: true, changed: true });
  t.same(Object.entries(state.vm('web')?.annotations ?? {}), [
    ['a', '2'],
    ['b', '1'],
  ]);
  t.match(annotate({ a: '2', c: null }), { ok: true, changed: false });
  t.match(annotate({ a: null, b: '3' }), { ok: true, changed: true });
  t.same(state.vm('web')?.annotations, { b: '3' });
  t.match(annotate({ b: null }), { ok: true, changed: true });
  t.notOk('annotations' in (state.vm('web') ?? {}));
  t.equal(state.vm('web')?.generation, generation);
});

t.test('is refused for what is not there, has moved on, or would be too much', async (t) => {
  const { state, cluster, annotate } = setUp();
  t.match(cluster.apply({ type: 'annotate', kind: 'host', name: 'nowhere', set: { a: '1' } }), {
    ok: false,
    error: { code: 'N3X_NOT_FOUND', message: /host nowhere/ },
  });
  const { modifiedIndex = 0 } = state.vm('web') ?? {};
  t.match(annotate({ a: '1' }, modifiedIndex - 1), { ok: false, error: { code: 'N3X_CONFLICT' } });
  t.match(annotate({ a: '1' }, modifiedIndex), { ok: true });
  const many = Object.fromEntries(Array.from({ length: ANNOTATIONS_MAX }, (_, i) => [`k${i}`, 'x']));
  t.match(annotate(many), { ok: false, error: { code: 'N3X_REFUSED', message: /at most 64/ } });
  const long = 'x'.repeat(ANNOTATION_VALUE_MAX);
  const large = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, long]));
  t.match(annotate(large), { ok: false, error: { code: 'N3X_REFUSED' } });
});
