import { escapeIdentifier, type Client } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import type { Adopted, AdoptionPlan, LogAdoptions } from '../../../application/log/adopt-log.js';
import type { Lease } from '../../../application/runtime/leadership.js';
import type { Workers } from '../../../application/workflow/workers.js';
import { noteLate } from '../live/announcement.js';
import { schemasAt } from '../rebuild/areas.js';

/** Each gives the right to write what is emptied here, or null where an instance has it. */
type Leads = readonly (() => Promise<Lease | null>)[];

type Connection = Pick<Client, 'query'>;

export class PostgresLogAdoptions implements LogAdoptions {
  /** @param tables the read tables */
  constructor(
    private readonly dataSource: DataSource,
    private readonly workers: Pick<Workers, 'alive'>,
    private readonly tables: readonly string[],
    private readonly leads: Leads,
  ) {}

  async running(): Promise<number> {
    return (await this.workers.alive()).size;
  }

  async webhookIds(): Promise<readonly string[]> {
    const rows: { id: string }[] = await this.dataSource.query(`select id from webhooks where state <> 'prepared'`);
    return rows.map(({ id }) => id);
  }

  async carryOut(plan: AdoptionPlan): Promise<Adopted> {
    const held: Lease[] = [];
    try {
      for (const tryLead of this.leads) {
        const lease = await tryLead();
        if (!lease) throw new Error('Expected no instance that runs, one leads: stop it, and run this again');
        held.push(lease);
      }
      return await this.dataSource.transaction((manager) => this.exchange(manager, plan));
    } finally {
      for (const lease of held) await lease.close();
    }
  }

  private async exchange(manager: EntityManager, { logId, head, webhooks }: AdoptionPlan): Promise<Adopted> {
    const run = <Row>(text: string, values: unknown[] = []): Promise<Row[]> => manager.query(text, values);
    const asConnection = { query: async (...asked: [string, unknown[]?]) => ({ rows: await run(...asked) }) };
    const [{ count: givenUp } = { count: 0 }] = await run<{ count: number }>(
      `select count(*)::int from webhook_deliveries where state = 'pending'`,
    );
    // Clients that follow by positions of the other log get everything anew.
    for (const table of this.tables) await noteLate(asConnection as unknown as Connection, table, 'exchanged');
    await run(`truncate ${[...this.tables, ...OF_THE_OTHER_LOG].map(escapeIdentifier).join(', ')}`);
    const { shadow, previous } = await schemasAt(asConnection as unknown as Connection);
    for (const area of [shadow, previous]) await run(`drop schema if exists ${escapeIdentifier(area)} cascade`);
    await run(`update projection_orders set done_at = clock_timestamp(), outcome = $1 where done_at is null`, [
      'nothing: the tables are of another log by now',
    ]);
    await run('update webhook_cursor set position = $1, event_position = null, event_id = null', [
      head === 'start' ? null : String(head),
    ]);
    const removed: Adopted['removed'][number][] = [];
    for (const [id, found] of webhooks) {
      if (found)
        await run(`update webhooks set revision = $2, state = $3, disabled = $4, overfull = false where id = $1`, [
          ...[id, String(found.revision), found.disabled ? 'disabled' : 'enabled'],
          found.disabled && JSON.stringify(found.disabled),
        ]);
      else {
        const rows = await run<{ id: string; target: string }>('select id, target from webhooks where id = $1', [id]);
        removed.push(...rows);
        for (const [table, column] of OF_A_WEBHOOK) await run(`delete from ${table} where ${column} = $1`, [id]);
      }
    }
    await run(
      `insert into log_identity (id, log_id, bound_at) values (1, $1, clock_timestamp())
       on conflict (id) do update set log_id = excluded.log_id, bound_at = excluded.bound_at`,
      [logId],
    );
    return { logId, givenUp, removed };
  }
}

/**
 * Beside the read tables. All of it is made of the log, by which the record of deliveries is as well: a delivery that it has is
 * never queued again, be it of another event.
 */
const OF_THE_OTHER_LOG = [
  ...['projection_checkpoints', 'projection_poison', 'projection_skipped', 'projection_drift'],
  ...['audit_leaves', 'audit_nodes', 'audit_checkpoints', 'webhook_deliveries', 'webhook_lanes'],
];

const OF_A_WEBHOOK = [
  ['webhook_secrets', 'webhook_id'],
  ['webhooks', 'id'],
] as const;
