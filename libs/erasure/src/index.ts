export { Erasable } from './erasable';
export { Eraser, eraseRecord } from './eraser';
export * from './erasure.module';
export { Personal } from './personal.decorator';
export { personalColumns } from './personal-columns';
