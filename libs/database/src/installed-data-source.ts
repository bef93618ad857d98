import { DataSource, DataSourceOptions } from 'typeorm';

/** A data source that knows the installation's prefix: an entity of schema `platform` lives in `<prefix>platform`. */
export class InstalledDataSource extends DataSource {
  constructor(
    options: DataSourceOptions,
    private readonly prefix: string,
  ) {
    super(options);
  }

  protected override async buildMetadatas(): Promise<void> {
    await super.buildMetadatas();
    for (const metadata of this.entityMetadatas) {
      if (metadata.schema !== 'platform') continue;
      metadata.schema = this.prefix + metadata.schema;
      metadata.tablePath = this.driver.buildTableName(metadata.tableName, metadata.schema);
    }
  }
}
