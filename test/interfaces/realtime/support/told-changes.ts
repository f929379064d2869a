import { RowChanges, type ChangeListener, type RowChange } from '../../../../src/application/live/row-changes.js';

/** What the test says is what has changed. */
export class ToldChanges extends RowChanges {
  private readonly listeners = new Set<ChangeListener>();

  tables() {
    const columns = (types: Readonly<Record<string, string>>) =>
      Object.entries(types).map(([name, type]) => ({ name, type }));
    return new Map([
      [
        'workflow_executions',
        columns({ id: 'uuid', current_state: 'text', percent_complete: 'int4', metadata: 'jsonb' }),
      ],
      ['workflow_steps', columns({ id: 'uuid', execution_id: 'uuid', status: 'text' })],
      ['workflow_events', columns({ execution_id: 'uuid', revision: 'int8', id: 'uuid', event_type: 'text' })],
    ]);
  }

  follow(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  interest() {
    return { begun: Promise.resolve(), end: () => undefined };
  }

  tell(change: Partial<RowChange>): void {
    const whole: RowChange = { ...CHANGE, ...change };
    for (const listener of this.listeners) listener.changed(whole);
  }

  miss(why: string): void {
    for (const listener of this.listeners) listener.missed(why);
  }
}

export const ID = '0198a3c0-aaaa-7000-8000-000000000001';

const CHANGE: RowChange = {
  table: 'workflow_executions',
  type: 'UPDATE',
  key: { id: ID },
  record: { id: ID, current_state: 'writing', percent_complete: 40, metadata: {} },
  late: false,
  at: '2026-11-23T07:00:00.123Z',
};
