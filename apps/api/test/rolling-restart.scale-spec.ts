import { expectNothingLost } from './rolling-restart';

it('three APIs are replaced under load, ten times, and no request fails and no job is lost', async () => {
  await expectNothingLost(10);
}, 600_000);
