import { StartLock } from '../../../src/infrastructure/embedded-postgres/start-lock.js';
import { startChild } from '../../support/child.js';

const holder = new URL('./holds-start-lock.ts', import.meta.url);

describe('the lock of the one who starts the server', () => {
  it('is held by one, and free when released', async () => {
    const [first, second] = [new StartLock('/one'), new StartLock('/one')];
    expect(await first.tryTake()).toBe(true);
    expect(await second.tryTake()).toBe(false);
    expect(second.isHeld).toBe(false);
    expect(await new StartLock('/another').tryTake()).toBe(true);
    first.release();
    expect(await second.tryTake()).toBe(true);
    second.release();
  });

  it('is free when its holder is killed', async () => {
    const child = startChild(holder, ['/killed']);
    await child.printed(/held/, { deadlineMs: 20_000 });
    const lock = new StartLock('/killed');
    expect(await lock.tryTake()).toBe(false);
    await child.kill('SIGKILL');
    expect(await lock.tryTake()).toBe(true);
    lock.release();
  });
});
