export * from './public.decorator';
export * from './require.decorator';
