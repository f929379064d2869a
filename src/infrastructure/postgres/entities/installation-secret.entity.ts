import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Made by the first instance that needs it, shared by all that use this database. Never in an event, an answer or a log. */
@Entity('installation_secrets')
export class InstallationSecret {
  @PrimaryColumn('text')
  name!: string;

  @Column('bytea')
  value!: Buffer;
}
