import { Query, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { Definitions } from '../workflow/definitions.js';
import { refuseUnknownState } from './known-words.js';
import { ReadModel } from './read-model.js';

/** Whether a stream in that state could ever tell anything. @throws InvalidRequest 400 */
export class CheckState extends Query<void> {
  constructor(readonly state: string | undefined) {
    super();
  }
}

@QueryHandler(CheckState)
export class CheckStateHandler implements IQueryHandler<CheckState> {
  constructor(
    private readonly readModel: ReadModel,
    private readonly definitions: Definitions,
  ) {}

  execute({ state }: CheckState): Promise<void> {
    return refuseUnknownState(state, this.definitions, this.readModel);
  }
}
