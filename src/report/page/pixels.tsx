import { useEffect, useRef } from 'preact/hooks';

interface PixelsProps {
  /** [size, size, 3] in [0, 1]. */
  readonly values: ArrayLike<number>;
  readonly size: number;
  /** What is to be seen. */
  readonly label: string;
  /** Pixels of the page, each way. */
  readonly shown?: number;
}

/** An image, its pixels as squares. */
export const Pixels = ({ values, size, label, shown = 96 }: PixelsProps) => {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const image = context.createImageData(size, size);
    for (let pixel = 0; pixel < size * size; pixel++) {
      for (let channel = 0; channel < 3; channel++) {
        image.data[4 * pixel + channel] = Math.round(255 * (values[3 * pixel + channel] ?? 0));
      }
      image.data[4 * pixel + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [values, size]);
  return (
    <canvas
      ref={canvas}
      width={size}
      height={size}
      role="img"
      aria-label={label}
      style={{ width: `${shown}px`, height: `${shown}px` }}
    />
  );
};
