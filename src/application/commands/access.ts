import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import {
  AccessOrders,
  type AccessOrder,
  type KeyAsked,
  type MadeKey,
  type RotationAsked,
} from '../access/access-orders.js';
import type { DirectoryOutcome } from '../access/access-directory.js';
import type { Caller } from './caller.js';

/** A service is given a key. Only the answer to this command has the secret. */
export class CreateApiKey extends Command<MadeKey> {
  constructor(
    readonly asked: KeyAsked,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(CreateApiKey)
class CreateApiKeyHandler implements ICommandHandler<CreateApiKey> {
  constructor(private readonly orders: AccessOrders) {}

  execute({ asked, caller }: CreateApiKey) {
    return this.orders.createKey(asked, caller);
  }
}

/** A new key takes the place of one, which goes on for the overlap. */
export class RotateApiKey extends Command<MadeKey> {
  constructor(
    readonly asked: RotationAsked,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(RotateApiKey)
class RotateApiKeyHandler implements ICommandHandler<RotateApiKey> {
  constructor(private readonly orders: AccessOrders) {}

  execute({ asked, caller }: RotateApiKey) {
    return this.orders.rotateKey(asked, caller);
  }
}

/** Revokes a key, gives or withdraws a role, blocks or unblocks a person. */
export class OrderAccess extends Command<DirectoryOutcome> {
  constructor(
    readonly order: AccessOrder,
    readonly caller: Caller,
  ) {
    super();
  }
}

@CommandHandler(OrderAccess)
class OrderAccessHandler implements ICommandHandler<OrderAccess> {
  constructor(private readonly orders: AccessOrders) {}

  execute({ order, caller }: OrderAccess) {
    return this.orders.order(order, caller);
  }
}

export const accessCommandHandlers = [CreateApiKeyHandler, RotateApiKeyHandler, OrderAccessHandler];
