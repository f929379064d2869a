/** One mode of the faulty server times all orders of the application; `npm run faulty` tries every mode. */
import type { Mode } from '../support/faulty-server/modes.js';
import { tryMode } from './cells.js';
import { unexpected } from './known.js';
import { openWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await openWorld();
}, 60_000);
afterAll(() => world.close(), 60_000);

/** An append that is kept and not confirmed. `.ci/run` tries a refusal and an answer that breaks off. */
test.each<Mode>(['timeout, kept'])(
  '%s: no wrong verdict, no step lost or doubled, no end of the process, and all goes on',
  async (mode) => expect(unexpected(mode, await tryMode(world, mode))).toEqual([]),
  120_000,
);
