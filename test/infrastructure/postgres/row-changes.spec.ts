import type { AnyRow, Change } from '../../../src/application/projections/projection.js';
import { segmentsOf } from '../../../src/infrastructure/postgres/projections/row-segments.js';

const update = (id: string, revision: number, more: object = {}): Change<AnyRow> => {
  const { set = {}, ...rest } = more as { set?: object };
  return { op: 'update', key: { id }, set: { ...set, revision: String(revision) }, ...rest };
};
const merge = (value: Record<string, unknown>, path: string[] = []) => ({ column: 'json', path, value });

test('each row is written once, with what was set last', () => {
  const changes = [
    update('a', 1, { set: { x: 1, y: 1 } }),
    update('b', 2, { set: { x: 2 } }),
    update('a', 3, { set: { x: 3 } }),
  ];
  expect(segmentsOf(changes, ['id'])).toEqual([
    {
      inserts: [],
      patches: [
        { key: { id: 'a' }, set: { x: 3, y: 1, revision: '3' }, fill: {}, merges: [] },
        { key: { id: 'b' }, set: { x: 2, revision: '2' }, fill: {}, merges: [] },
      ],
      sweeping: null,
    },
  ]);
});

test('the first to fill a column wins, unless it is set', () => {
  const fills = [update('a', 1, { fill: { x: 1, y: 1 } }), update('a', 2, { fill: { x: 2 } })];
  expect(segmentsOf(fills, ['id'])[0]!.patches[0]).toMatchObject({ fill: { x: 1, y: 1 } });
  const set = [...fills, update('a', 3, { set: { y: 3 } })];
  expect(segmentsOf(set, ['id'])[0]!.patches[0]).toMatchObject({ set: { y: 3 }, fill: { x: 1 } });
});

test('merges at one place become one; others stay apart', () => {
  const changes = [
    update('a', 1, { merge: [merge({ k: 1, l: 1 }), merge({ m: 1 }, ['deep'])] }),
    update('a', 2, { merge: [merge({ k: 2 })] }),
  ];
  expect(segmentsOf(changes, ['id'])[0]!.patches[0]!.merges).toEqual([
    merge({ k: 2, l: 1 }),
    merge({ m: 1 }, ['deep']),
  ]);
});

test('an update that names no single row comes between what stands before it and what stands after it', () => {
  const sweep = { op: 'update', key: { group: 'g' }, set: { revision: '3' } } as const;
  const changes: Change<AnyRow>[] = [
    { op: 'insert', row: { id: 'a' } },
    update('a', 2, { set: { x: 2 } }),
    sweep,
    update('a', 4),
    { op: 'insert', row: { id: 'b' } },
  ];
  const segments = segmentsOf(changes, ['id']);
  expect(segments.map(({ inserts, sweeping }) => ({ inserts, sweeping }))).toEqual([
    { inserts: [{ id: 'a' }], sweeping: sweep },
    { inserts: [{ id: 'b' }], sweeping: null },
  ]);
  expect(segments.map(({ patches }) => patches.map(({ set }) => set))).toEqual([
    [{ x: 2, revision: '2' }],
    [{ revision: '4' }],
  ]);
});

test('a part of a key names no single row', () => {
  expect(segmentsOf([update('a', 1)], ['id', 'revision'])[0]!.sweeping).not.toBeNull();
});
