import type { DataSource } from 'typeorm';
import { InstallationToken } from '../infrastructure/agents/own-calls.js';
import type { Config } from '../infrastructure/config/config.js';
import { installationSecret } from '../infrastructure/postgres/installation-secret.js';

/** @param ownUrl asked at each call: our own address is known late */
export const installationToken = async (
  { publicUrl, installationUrls, agentRoutes }: Config,
  dataSource: DataSource,
  ownUrl: () => string,
): Promise<InstallationToken> => {
  const secret = await installationSecret(dataSource, 'own-calls');
  const known = [...(publicUrl === undefined ? [] : [publicUrl]), ...installationUrls];
  return new InstallationToken(secret, () => [ownUrl(), ...known], agentRoutes === 'open');
};
