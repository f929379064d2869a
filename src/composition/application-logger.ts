import { ConsoleLogger } from '@nestjs/common';

/** What the framework says at each start of each route and module: nothing that an operator could act on. */
const OF_THE_FRAMEWORK: ReadonlySet<unknown> = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** One line of JSON each, where nobody watches a terminal. */
export class ApplicationLogger extends ConsoleLogger {
  override log(message: unknown, ...rest: unknown[]): void {
    if (OF_THE_FRAMEWORK.has(rest.at(-1))) super.verbose(message, ...(rest as [string]));
    else super.log(message, ...(rest as [string]));
  }
}
