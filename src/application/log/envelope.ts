/** What stands beside each event's data: who, why, as part of what, and where the execution stood afterwards. */
import { z } from 'zod';
import type { Message } from '../../domain/decider.js';
import type { Json } from '../../domain/json.js';
import type { Summary } from '../../domain/workflow/summary.js';
import { measured, type Unchained } from './event-hash.js';
import { eventId } from './ids.js';

/**
 * Who did something. Agents and the system are known by the installation itself; a user or a service that no credential proved
 * is recorded as claimed, and has no more than a type and an id.
 */
export type Actor = Readonly<{
  type: 'user' | 'service' | 'agent' | 'system';
  id: string;
  /** As the credential says it, for people to read. */
  name?: string | undefined;
  /** Who vouches for the id: the provider's issuer, or `keys` of this installation. */
  issuer?: string | undefined;
  via?: 'oidc' | 'key' | undefined;
  /** Absent where nothing proved it. */
  verified?: true | undefined;
  /** In what is shown of an event: whom the request named, where the credential says otherwise. */
  claimed?: Readonly<{ type: string; id: string }> | undefined;
}>;

/** Everything about a command but what it asks. */
export type CommandContext = Readonly<{
  commandId: string;
  at: Date;
  actor: Actor;
  /** Whom the request named beside a credential that says otherwise; absent where it named nobody. */
  claimedActor?: Actor | undefined;
  reason: string | null;
  /** Event or command that led to this one; null where it came from outside. */
  causationId: string | null;
  /** W3C trace context of the request. */
  traceparent: string | null;
  /** X-Request-Id of the request; absent where none gave the command. */
  requestId?: string | undefined;
}>;

/** Stored with each event. `$correlationId` and `$causationId` are the names that EventStoreDB's own tools know. */
export type EventMetadata = Readonly<{
  commandId: string;
  $correlationId: string;
  $causationId: string;
  actor: Actor;
  claimedActor?: Actor | undefined;
  reason: string | null;
  /** When the command was given; the log has its own time of recording. */
  occurredAt: string;
  traceparent: string | null;
  /** X-Request-Id of the request that gave the command: its line in the log has it. Absent where none did, and in earlier events. */
  requestId?: string | undefined;
  /** The execution as this event left it, so that a read table needs no other event. */
  summary: Summary;
  /** See event-hash.ts; absent in events of earlier versions. */
  hash?: string | undefined;
  previousHash?: string | null | undefined;
}>;

const actorShape = z.object({
  type: z.enum(['user', 'service', 'agent', 'system']),
  id: z.string(),
  name: z.string().optional(),
  issuer: z.string().optional(),
  via: z.enum(['oidc', 'key']).optional(),
  verified: z.literal(true).optional(),
});

const metadataShape = z.object({
  commandId: z.string(),
  $correlationId: z.string(),
  $causationId: z.string(),
  actor: actorShape,
  claimedActor: actorShape.optional(),
  reason: z.string().nullable(),
  occurredAt: z.iso.datetime(),
  traceparent: z.string().nullable(),
  requestId: z.string().optional(),
  summary: z.object({
    state: z.string(),
    step: z.string().nullable(),
    nextStep: z.string().nullable(),
    percentComplete: z.number(),
    nextActionAt: z.iso.datetime().nullable(),
  }),
  hash: z.string().optional(),
  previousHash: z.string().nullable().optional(),
});

/** @throws where the metadata is not what this application writes */
export const parseMetadata = (metadata: unknown): EventMetadata => metadataShape.parse(metadata);

/** What an event belongs to. `owner` is part of the event's id, with the command and the event's number in it. */
type Belonging = Readonly<{ owner: string; correlationId: string; causationId: string; summary?: Summary }>;

/**
 * An event of a command as it is stored; its place in the stream comes later. The metadata is in the order of canonical JSON,
 * which has nothing to sort then, and has room for what follows from the place.
 */
export const enveloped = (
  { type, data }: Message<string, Json>,
  { commandId, at, actor, claimedActor, reason, traceparent, requestId }: CommandContext,
  index: number,
  { owner, correlationId, causationId, summary }: Belonging,
): Unchained => {
  const metadata: Omit<EventMetadata, 'summary'> & Partial<Pick<EventMetadata, 'summary'>> = {
    $causationId: causationId,
    $correlationId: correlationId,
    actor,
    claimedActor,
    commandId,
    hash: undefined,
    occurredAt: at.toISOString(),
    previousHash: undefined,
    reason,
    requestId,
    summary,
    traceparent,
  };
  const { dataHash, content, bytes } = measured(type, data, metadata);
  const id = eventId(owner, commandId, index, content);
  return { event: { id, type, data, metadata }, dataHash, bytes };
};
