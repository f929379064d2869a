/** The projection store on a connection that is cut at one statement: before it is sent, or when it was made and nobody hears. */
import pg from 'pg';
import type { DataSource } from 'typeorm';
import type { ProjectionLease } from '../../../src/application/projections/projection-store.js';
import { HeldConnection } from '../../../src/infrastructure/postgres/session/lease.js';
import { PostgresProjectionSession } from '../../../src/infrastructure/postgres/projections/postgres-projection-session.js';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';

export type Cut = Readonly<{ at: number; when: 'before' | 'after' }>;

const BEAT_MS = 60_000;

type Wire = Readonly<{ connection: Readonly<{ stream: { destroy: () => void } }> }>;

export class CutProjectionStore extends PostgresProjectionStore {
  hasCut = false;
  private passed = 0;

  constructor(
    private readonly tables: DataSource,
    private readonly url: string,
    private readonly cut: Cut,
  ) {
    super(tables);
  }

  /** The first session is cut; there is none after it. */
  override async tryLead(): Promise<ProjectionLease | null> {
    if (this.hasCut) return null;
    const client = new pg.Client({ connectionString: this.url, pipeline: true });
    await client.connect();
    const { connection } = client as unknown as Wire;
    const query = client.query.bind(client) as (...asked: unknown[]) => Promise<unknown>;
    const counted = async (...asked: unknown[]) => {
      this.passed += 1;
      if (this.passed !== this.cut.at) return query(...asked);
      if (this.cut.when === 'after') await query(...asked);
      this.hasCut = true;
      connection.stream.destroy();
      throw new Error(`The connection is cut ${this.cut.when} statement ${this.cut.at}`);
    };
    return new PostgresProjectionSession(
      new HeldConnection(Object.assign(client, { query: counted }), BEAT_MS),
      this.tables,
    );
  }
}
