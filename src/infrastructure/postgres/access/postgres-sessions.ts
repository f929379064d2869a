import type { DataSource, EntityManager } from 'typeorm';
import { SessionStore, type NewSession, type Session } from '../../../application/access/sessions.js';
import type { Subject } from '../../../domain/access/directory.js';
import type { SessionRow } from '../entities/access.entities.js';
import { storable, storableJson } from '../session/pg-client.js';

export class PostgresSessions extends SessionStore {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  create(made: NewSession, { most, idleMs }: Readonly<{ most: number; idleMs: number }>): Promise<boolean> {
    const { session, signIn, replaces } = made;
    return this.dataSource.transaction(async (manager) => {
      await forgetEnded(manager, session.createdAt, idleMs);
      const used: unknown[] = await manager.query(
        'insert into used_sign_ins (id, expires_at) values ($1, $2) on conflict (id) do nothing returning id',
        [signIn.id, signIn.expiresAt],
      );
      if (used.length === 0) return false;
      if (replaces !== null) await manager.query('delete from sessions where id = $1', [replaces]);
      await insert(manager, made);
      await manager.query(
        `delete from sessions where id in (
           select id from sessions where issuer = $1 and subject = $2 order by created_at desc, id offset $3)`,
        [session.issuer, session.subject, most],
      );
      return true;
    });
  }

  async find(ids: readonly string[], now: Date, idleMs: number): Promise<readonly Session[]> {
    const rows: SessionRow[] = await this.dataSource.query(
      'select * from sessions where id = any($1::text[]) and expires_at > $2 and last_seen_at > $3',
      [ids, now, before(now, idleMs)],
    );
    return rows.map(sessionOf);
  }

  async touch(id: string, at: Date): Promise<void> {
    await this.dataSource.query('update sessions set last_seen_at = $2 where id = $1 and last_seen_at < $2', [id, at]);
  }

  async end(id: string): Promise<void> {
    await this.dataSource.query('delete from sessions where id = $1', [id]);
  }

  async endOf(subjects: readonly Subject[]): Promise<void> {
    await this.dataSource.query(
      `delete from sessions using unnest($1::text[], $2::text[]) as ended (issuer, subject)
       where sessions.issuer = ended.issuer and sessions.subject = ended.subject`,
      [subjects.map(({ issuer }) => issuer), subjects.map(({ subject }) => subject)],
    );
  }

  async consumeFresh(id: string, purpose: string, now: Date): Promise<Date | null> {
    // TypeORM answers an update with its rows and their number.
    const [rows]: [{ authenticated_at: Date }[], number] = await this.dataSource.query(
      `update sessions set fresh_purpose = null, fresh_until = null
       where id = $1 and fresh_purpose = $2 and fresh_until > $3 and expires_at > $3 returning authenticated_at`,
      [id, purpose, now],
    );
    return rows[0]?.authenticated_at ?? null;
  }
}

const before = (now: Date, ms: number): Date => new Date(now.getTime() - ms);

/** Rows are made by sign-ins alone: so it is enough that sign-ins remove them. */
const forgetEnded = async (manager: EntityManager, now: Date, idleMs: number): Promise<void> => {
  await manager.query('delete from sessions where expires_at <= $1 or last_seen_at <= $2', [now, before(now, idleMs)]);
  await manager.query('delete from used_sign_ins where expires_at <= $1', [now]);
};

const insert = async (manager: EntityManager, { session, fresh }: NewSession): Promise<void> => {
  const { id, issuer, subject, name, claimed, authenticatedAt, createdAt, lastSeenAt, expiresAt } = session;
  await manager.query(
    `insert into sessions (id, issuer, subject, name, claimed, authenticated_at, created_at, last_seen_at, expires_at,
       fresh_purpose, fresh_until) values ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11)`,
    [
      ...[
        id,
        issuer,
        subject,
        storable(name),
        storableJson(claimed),
        authenticatedAt,
        createdAt,
        lastSeenAt,
        expiresAt,
      ],
      ...[fresh?.purpose ?? null, fresh?.expiresAt ?? null],
    ],
  );
};

const sessionOf = (row: SessionRow): Session => ({
  id: row.id,
  issuer: row.issuer,
  subject: row.subject,
  name: row.name,
  claimed: row.claimed,
  authenticatedAt: row.authenticated_at,
  createdAt: row.created_at,
  lastSeenAt: row.last_seen_at,
  expiresAt: row.expires_at,
});
