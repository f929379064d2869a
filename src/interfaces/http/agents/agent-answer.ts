import type { AgentView } from '../../../application/queries/list-agents.js';

/** What each instance counts and decides for itself, in memory; all else is the same on every instance. */
export const PER_INSTANCE = ['running_calls', 'waiting_steps', 'limits', 'circuit'] as const;

/** Times are ISO-8601 UTC. A rate of null is none. */
export const agentAnswer = ({ name, kind, url, here, hold }: AgentView) => {
  const { concurrentCalls, rate, circuit } = here.bounds;
  return {
    name,
    kind,
    url,
    running_calls: here.running,
    waiting_steps: here.waiting,
    limits: {
      concurrent_calls: concurrentCalls,
      rate: rate.calls === 0 ? null : { calls: rate.calls, window_ms: rate.windowMs },
      circuit: {
        failures: circuit.consecutiveFailures,
        failure_percent: circuit.failurePercent,
        min_calls: circuit.minimumCalls,
        window_ms: circuit.windowMs,
        cool_down_ms: circuit.coolDownMs,
      },
    },
    circuit: {
      state: here.circuit.state,
      since: here.circuit.since,
      next_trial_at: here.circuit.nextTrialAt,
      recent_failures: here.circuit.recentFailures,
    },
    held: hold && { by: hold.actor, reason: hold.reason, since: hold.at },
  };
};
