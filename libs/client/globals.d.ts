// The generated client names what browsers call the body of a request; Node's types know it only by this way.
type BodyInit = NonNullable<RequestInit['body']>;
