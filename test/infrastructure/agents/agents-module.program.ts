/** Loads the module of its first argument as the server does, calls each registered agent, and prints what came of it. */
import { loadAgentsModule } from '../../../src/infrastructure/agents/agents-module.js';
import { FunctionAgents } from '../../../src/infrastructure/agents/function-agents.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';
import { registeredAgents } from '../../../src/infrastructure/agents/registry.js';
import { SystemClock } from '../../../src/infrastructure/system/clock-and-ids.js';
import { aCall } from './a-call.js';

const names = await loadAgentsModule(process.argv[2]!);
const functions = new FunctionAgents(new SystemClock(), defaultAgentLimits);
const replies = names.map((agent) => functions.call(aCall({ agent }), registeredAgents().get(agent)!));
console.log(JSON.stringify({ names, replies: await Promise.all(replies) }));
