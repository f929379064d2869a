import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sessions of people, by the hashes of their cookies, with the fresh sign-in that nothing has used yet; sign-ins that were finished. */
export class AddSessions1763800000201 implements MigrationInterface {
  readonly name = 'AddSessions1763800000201';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of tables) await queryRunner.query(statement);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of ['used_sign_ins', 'sessions']) await queryRunner.query(`drop table ${table}`);
  }
}

const tables = [
  `create table sessions (
    id text primary key,
    issuer text not null,
    subject text not null,
    name text not null,
    claimed jsonb not null,
    authenticated_at timestamptz(3) not null,
    created_at timestamptz(3) not null,
    last_seen_at timestamptz(3) not null,
    expires_at timestamptz(3) not null,
    fresh_purpose text,
    fresh_until timestamptz(3)
  )`,
  'create index sessions_by_person on sessions (issuer, subject, created_at)',
  'create index sessions_by_end on sessions (expires_at)',
  'create index sessions_by_use on sessions (last_seen_at)',
  `create table used_sign_ins (
    id text primary key,
    expires_at timestamptz(3) not null
  )`,
  'create index used_sign_ins_by_end on used_sign_ins (expires_at)',
];
