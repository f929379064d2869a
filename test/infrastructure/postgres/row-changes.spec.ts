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

describe('while the tables are far behind', () => {
  const insert = (id: string, more: object = {}): Change<AnyRow> => ({
    op: 'insert',
    row: { id, revision: '0', x: null, json: { in: {} }, ...more },
  });
  const folded = (changes: readonly Change<AnyRow>[]) => segmentsOf(changes, ['id'], true);

  test('a row that is born is written once, as it is at the end', () => {
    const changes = [
      insert('a'),
      update('a', 1, { set: { y: 1 }, fill: { x: 1 } }),
      update('a', 2, { set: { y: 2 }, fill: { x: 2 }, merge: [merge({ last: 2 }), merge({ b: 1 }, ['in'])] }),
      update('b', 3, { set: { y: 3 } }),
    ];
    expect(folded(changes)).toEqual([
      {
        inserts: [{ id: 'a', revision: '2', x: 1, y: 2, json: { in: { b: 1 }, last: 2 } }],
        patches: [{ key: { id: 'b' }, set: { y: 3, revision: '3' }, fill: {}, merges: [] }],
        sweeping: null,
      },
    ]);
    expect(changes[0]).toEqual(insert('a'));
  });

  test('what comes again changes nothing', () => {
    const changes = [insert('a'), update('a', 2, { set: { y: 2 } }), insert('a'), update('a', 1, { set: { y: 1 } })];
    expect(folded(changes)[0]!.inserts).toEqual([{ ...insertedRow(), revision: '2', y: 2 }]);
  });
  const insertedRow = () => (insert('a') as Extract<Change<AnyRow>, { op: 'insert' }>).row;

  test.each([
    ['no object to lay it over', insert('a', { json: null }), merge({ b: 1 })],
    ['no object to lay over', insert('a'), merge([1] as never)],
    ['nothing at the path', insert('a'), merge({ b: 1 }, ['out'])],
    ['a key that Postgres writes otherwise', insert('a'), merge({ 'b\0': 1 })],
  ])('what only SQL can say stays a patch, with all after it: %s', (_why, born, merging) => {
    const changes = [born, update('a', 1, { merge: [merging] }), update('a', 2, { set: { y: 2 } })];
    const [segment] = folded(changes);
    expect(segment!.inserts).toEqual([(born as Extract<Change<AnyRow>, { op: 'insert' }>).row]);
    expect(segment!.patches).toEqual(segmentsOf(changes, ['id'])[0]!.patches);
  });

  test('a patch that came before the birth stays one', () => {
    const changes = [update('a', 1, { set: { y: 1 } }), insert('a'), update('a', 2, { set: { y: 2 } })];
    expect(folded(changes)).toEqual(segmentsOf(changes, ['id']));
  });

  test('an update of many rows ends what is folded', () => {
    const sweep: Change<AnyRow> = { op: 'update', key: { of: 1 }, set: { revision: '2' } };
    const [before, after] = folded([insert('a'), update('a', 1), sweep, update('a', 3)]);
    expect(before).toMatchObject({ inserts: [{ id: 'a', revision: '1' }], patches: [], sweeping: sweep });
    expect(after).toMatchObject({ inserts: [], patches: [{ set: { revision: '3' } }] });
  });
});
