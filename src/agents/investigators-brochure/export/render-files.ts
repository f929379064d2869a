import { OneShotThreads, ThreadRefusal, type ThreadLimits } from '../../../infrastructure/system/one-shot-threads.js';
import { Refusal } from '../refusal.js';
import type { RenderOrder } from './render-thread.js';
import type { Rendered } from './rendered.js';

/** A file's time is less than the five minutes that a workflow gives the step. */
const limits: ThreadLimits = { threads: 2, waiting: 100, timeoutMs: 240_000, heapMb: 1024 };

const threads = new OneShotThreads<RenderOrder, Rendered>(
  new URL('./render-thread.js', import.meta.url),
  limits,
  async (order) => {
    const { render } = await import('./render.js');
    return render(order.document, order.format);
  },
);

/** @throws Refusal transient when too many files wait, or when this one takes too long or too much memory */
export const renderFile = async (order: RenderOrder): Promise<Rendered> => {
  try {
    return await threads.run(order);
  } catch (error) {
    if (!(error instanceof ThreadRefusal)) throw error;
    if (error.code === 'BUSY') throw new Refusal('transient', 'EXPORT_BUSY', `${error.message}.`);
    throw new Refusal(
      'transient',
      'EXPORT_FAILED',
      `The ${order.format.toUpperCase()} was not written: ${error.message}.`,
    );
  }
};
