/** Actors as clients see them. */
import type { EventView } from './read-model.js';

type Named = Readonly<{ type: string; id: string }>;

/**
 * `verified` says of a user or a service whether a credential proved it; of an agent and the system this installation itself
 * knows. Those of earlier versions were claimed.
 */
export const actorAnswer = <Who extends Named>(actor: Who): Who | (Who & Readonly<{ verified: boolean }>) => {
  if (actor.type !== 'user' && actor.type !== 'service') return actor;
  return { ...actor, verified: (actor as Readonly<{ verified?: unknown }>).verified === true };
};

export const eventAnswer = (event: EventView) => ({ ...event, actor: event.actor && actorAnswer(event.actor) });
