/** Holds the lock of the directory that it is given, until it is killed. */
import { StartLock } from '../../../src/infrastructure/embedded-postgres/start-lock.js';

const lock = new StartLock(process.argv[2] ?? '');
console.log((await lock.tryTake()) ? 'held' : 'refused');
setInterval(() => undefined, 1_000);
