/** The node's own tables. Made by the node; nothing else writes to them. */
export const SCHEMA = `
  create schema if not exists eventstore;
  create table if not exists eventstore.events (
    position bigint primary key,
    stream text collate "C" not null,
    revision bigint not null,
    id uuid not null,
    type text not null,
    json boolean not null,
    created bigint not null, -- milliseconds since 1970, UTC
    data bytea not null,
    metadata bytea not null,
    unique (stream, revision)
  );
  create table if not exists eventstore.node (
    only_one boolean primary key default true check (only_one),
    url text not null,
    started_at timestamptz not null
  );
  -- What callers of the node have to know. Whoever reads it here can write the events without the node.
  create table if not exists eventstore.secret (
    only_one boolean primary key default true check (only_one),
    secret text not null
  );
  -- Who the holder of the lock is: which node, in which session.
  alter table eventstore.node add column if not exists id uuid;
  alter table eventstore.node add column if not exists pid integer;
`;

/** Advisory lock, held by the one node that writes to this database as long as its connection lives. */
export const WRITER_LOCK = 720511302;
