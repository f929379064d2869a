/** Whatever differs in the target is found, and named with its stream and revision. */
import { copyLog } from '../../../src/tools/copy-eventstore/copy.js';
import type { CopiedEvent } from '../../../src/tools/copy-eventstore/event.js';
import { startSide, turns, type Side } from './side.js';

describe('a target that differs', () => {
  let [source, target] = [{} as Side, {} as Side];
  const log = turns(60, 4);
  const copy = () => copyLog(source.server, target.server, () => undefined);
  const place = /at stream "turn-1": expected "turn-1" revision 5, id \S+05?21, .* found /;
  const tampered = (change: Partial<CopiedEvent>) =>
    log.map((event, at) => (at === 21 ? { ...event, ...change } : event));

  beforeEach(async () => {
    [source, target] = [await startSide('source'), await startSide('target')];
    await source.write(log);
  });
  afterEach(async () => {
    await source.stop();
    await target.stop();
  });

  test.each<[string, Partial<CopiedEvent>]>([
    ['id', { id: '11111111-2222-4333-8444-555555555555' }],
    ['type', { type: 'Other' }],
    ['contentType', { contentType: 'application/octet-stream' }],
    ['data', { data: Buffer.from('{"at": 21}') }],
    ['metadata', { metadata: Buffer.from('{ }') }],
  ])('in %s', async (field, change) => {
    await target.write(tampered(change));
    await expect(copy()).rejects.toThrow(`The target differs in ${field} `);
    await expect(copy()).rejects.toThrow(place);
  });

  test('in data, beneath the node', async () => {
    await copy();
    await target.sql(`update eventstore.events set data = '{"at":20}' where stream = 'turn-1' and revision = 5`);
    await expect(copy()).rejects.toThrow(place);
  });

  test('by an event that is missing within a stream', async () => {
    await copy();
    await target.sql(`delete from eventstore.events where stream = 'turn-1' and revision = 5`);
    await expect(copy()).rejects.toThrow(/stream "turn-1": expected "turn-1" revision 5, .* found nothing/);
  });

  test('by an event too many, in a stream that is known and in one that is not', async () => {
    const extra = { ...log[0], id: '11111111-2222-4333-8444-555555555555' } as CopiedEvent;
    await target.write([...log, { ...extra, stream: 'turn-2', revision: 15n }]);
    await expect(copy()).rejects.toThrow(/stream "turn-2": expected nothing, found "turn-2" revision 15/);
    await target.sql(`delete from eventstore.events where stream = 'turn-2' and revision = 15`);
    await target.write([{ ...extra, stream: 'other' }]);
    await expect(copy()).rejects.toThrow(/stream "other": expected nothing, found "other" revision 0/);
  });

  test('in metadata', async () => {
    await source.client.setStreamMetadata('turn-1', { custom: 1 });
    await target.write(log);
    await target.client.setStreamMetadata('turn-1', { custom: 2 });
    await expect(copy()).rejects.toThrow(/in id at stream "\$\$turn-1": expected "\$\$turn-1" revision 0/);
  });

  test('after the writing: what was lost between is found by the comparison at the end', async () => {
    await source.client.setStreamMetadata('turn-1', { custom: 1 });
    await target.sql(`
      create function lose() returns trigger language plpgsql as
        $f$ begin delete from eventstore.events where stream = 'turn-3' and revision = 14; return null; end $f$;
      create trigger lose after insert on eventstore.events for each row when (new.stream = '$$turn-1')
        execute function lose()`);
    await expect(copy()).rejects.toThrow(/stream "turn-3": expected "turn-3" revision 14, .* found nothing/);
  });
});
