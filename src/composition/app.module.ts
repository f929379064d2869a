/** All features of an instance, and the module that they make. */
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import type { Config } from '../infrastructure/config/config.js';
import { configurationModule } from '../infrastructure/config/configuration.js';
import { HttpModule } from '../interfaces/http/http.module.js';
import { access } from './access.js';
import { agents } from './agents.js';
import { agreedClock } from './agreed-clock.js';
import { audit } from './audit.js';
import type { Dependencies, Feature } from './feature.js';
import { health } from './health.js';
import { http } from './http.js';
import { jsonReading } from './json.js';
import { live, ownTransactions, realtime } from './live.js';
import { platform } from './platform.js';
import { projections } from './projections.js';
import { saga, sagaScheduler } from './saga.js';
import { webhooks } from './webhooks.js';
import { workflows } from './workflows.js';

/** Each comes after those that it needs: so they start, and in the reverse order they stop. */
export const featuresOf = (dependencies: Dependencies, own = ownTransactions(dependencies)): readonly Feature[] => [
  platform(dependencies),
  agreedClock(dependencies),
  jsonReading(dependencies),
  access(dependencies),
  workflows(dependencies),
  audit(dependencies),
  projections(dependencies, own),
  webhooks(dependencies),
  live(dependencies, own),
  http(dependencies),
  realtime(dependencies),
  agents(dependencies),
  sagaScheduler(dependencies),
  health(dependencies),
  saga(dependencies),
];

@Global()
@Module({})
export class AppModule {
  static async register(config: Config, features: readonly Feature[]): Promise<DynamicModule> {
    const providers = features.flatMap(({ providers = [] }) => providers);
    return {
      module: AppModule,
      imports: [await configurationModule(config), CqrsModule.forRoot(), HttpModule],
      providers,
      exports: providers.filter((provider) => typeof provider === 'object').map(({ provide }) => provide),
    };
  }
}
