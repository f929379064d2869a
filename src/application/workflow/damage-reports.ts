import { executionIdOf } from '../../domain/workflow/index.js';
import type { HistoryDamaged } from '../log/event-log.js';
import type { Clock } from '../runtime/clock.js';
import type { Notify, OnError } from '../runtime/errors.js';
import type { DamagedHistories } from './histories.js';

/** Records which histories are damaged, for all instances, and names each to the operator once. */
export class DamageReports {
  constructor(
    private readonly damaged: Pick<DamagedHistories, 'note' | 'clear'>,
    private readonly clock: Clock,
    private readonly notify: Notify,
    private readonly onError: OnError,
  ) {}

  /** Never throws: the reader that met the damage says what it is in any case. */
  async found({ stream, damage, what }: HistoryDamaged): Promise<void> {
    const executionId = executionIdOf(stream);
    try {
      const isNew = await this.damaged.note({ executionId, damage, what, foundAt: this.clock.now() });
      if (isNew) this.notify('error', `Execution ${executionId} is held back, its history is damaged: ${what}`);
    } catch (error) {
      this.onError(`Execution ${executionId}: that its history is damaged (${what}) could not be recorded`, error);
    }
  }

  /** @returns whether it was held back until now */
  async whole(executionId: string): Promise<boolean> {
    const wasDamaged = await this.damaged.clear(executionId);
    if (wasDamaged) this.notify('log', `Execution ${executionId} is no longer held back: its history is whole again`);
    return wasDamaged;
  }
}
