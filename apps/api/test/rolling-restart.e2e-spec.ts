import { expectNothingLost } from './rolling-restart';

it('three APIs are replaced under load, one after another, and no request fails and no job is lost', async () => {
  await expectNothingLost(1);
}, 300_000);
