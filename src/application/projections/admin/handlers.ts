import { OrderRebuildHandler } from '../../commands/order-rebuild.js';
import { TreatPoisonHandler } from '../../commands/treat-poison.js';
import { GetRebuildHandler, ListProjectionsHandler } from '../../queries/projections.js';

/** What operators of the read tables may order and ask. */
export const projectionHandlers = [OrderRebuildHandler, TreatPoisonHandler, ListProjectionsHandler, GetRebuildHandler];
