/** All instances go by the clock of their database: what one notes down as due is due for the others at the same moment. */
import type { DataSource } from 'typeorm';
import { every } from '../application/runtime/clock.js';
import type { Notify } from '../application/runtime/errors.js';
import { SystemClock } from '../infrastructure/system/clock-and-ids.js';
import { type Dependencies, type Feature, logErrors, tellLog } from './feature.js';

const EVERY_MS = 30_000;
/** A difference that grew or shrank by less is not told again. */
const WORTH_TELLING_MS = 1_000;

const databaseTime = (dataSource: DataSource) => async (): Promise<Date> => {
  const [row] = await dataSource.query<{ ms: string }[]>('select extract(epoch from clock_timestamp()) * 1000 as ms');
  return new Date(Number(row!.ms));
};

/** Tells operators of a machine whose clock is wrong, once for each difference. */
export class AgreedClock {
  private told = 0;

  constructor(
    private readonly clock: SystemClock,
    private readonly read: () => Promise<Date>,
    private readonly notify: Notify,
  ) {}

  /** @throws what the database says where it cannot be asked; the clock goes on as before */
  async agree(): Promise<void> {
    const aheadMs = await this.clock.agreeWith(this.read);
    if (Math.abs(aheadMs - this.told) < WORTH_TELLING_MS) return;
    this.told = aheadMs;
    const by = `${(Math.abs(aheadMs) / 1_000).toFixed(1)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
    if (aheadMs === 0) this.notify('log', "This machine's clock and the database's agree again");
    else
      this.notify('warn', `This machine's clock is ${by} the database's, by which this instance goes. Set the clock`);
  }
}

/** Before anything else starts. A clock that a test gives stays as it is. */
export const agreedClock = ({ clock, dataSource, outages }: Dependencies): Feature => {
  if (!(clock instanceof SystemClock)) return {};
  const agreed = new AgreedClock(clock, databaseTime(dataSource), tellLog('Clock'));
  const onError = logErrors('Clock', outages);
  const failed = (error: unknown) => onError("The database's clock cannot be read", error);
  const ending = new AbortController();
  let agreeing: Promise<void> = Promise.resolve();
  return {
    listen: () => agreed.agree().catch(failed),
    start: () => {
      agreeing = every(clock, EVERY_MS, ending.signal, () => agreed.agree(), failed);
    },
    stop: async () => {
      ending.abort();
      await agreeing;
    },
  };
};
