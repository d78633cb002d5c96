// Every operation of the door; each is one row of the router's table.
#pragma once

#include "s3/call.h"

namespace larder::s3::ops {

io::Task<Outcome> list_buckets(Call& call);
io::Task<Outcome> create_bucket(Call& call);
io::Task<Outcome> head_bucket(Call& call);
io::Task<Outcome> delete_bucket(Call& call);
io::Task<Outcome> get_bucket_location(Call& call);
io::Task<Outcome> get_bucket_versioning(Call& call);
io::Task<Outcome> put_bucket_versioning(Call& call);
io::Task<Outcome> get_acl(Call& call);
io::Task<Outcome> put_acl(Call& call);
io::Task<Outcome> get_unconfigured(Call& call);
io::Task<Outcome> delete_unconfigured(Call& call);
io::Task<Outcome> not_offered(Call& call);

io::Task<Outcome> get_cors(Call& call);
io::Task<Outcome> put_cors(Call& call);
io::Task<Outcome> delete_cors(Call& call);
io::Task<Outcome> get_bucket_tagging(Call& call);
io::Task<Outcome> put_bucket_tagging(Call& call);
io::Task<Outcome> delete_bucket_tagging(Call& call);
io::Task<Outcome> get_object_tagging(Call& call);
io::Task<Outcome> put_object_tagging(Call& call);
io::Task<Outcome> delete_object_tagging(Call& call);

io::Task<Outcome> list_objects_v1(Call& call);
io::Task<Outcome> list_objects_v2(Call& call);
io::Task<Outcome> list_object_versions(Call& call);

io::Task<Outcome> get_object(Call& call);
io::Task<Outcome> head_object(Call& call);
io::Task<Outcome> get_object_attributes(Call& call);
io::Task<Outcome> put_object(Call& call);
io::Task<Outcome> post_object(Call& call);
io::Task<Outcome> copy_object(Call& call);
io::Task<Outcome> delete_object(Call& call);
io::Task<Outcome> delete_objects(Call& call);

io::Task<Outcome> create_multipart_upload(Call& call);
io::Task<Outcome> upload_part(Call& call);
io::Task<Outcome> upload_part_copy(Call& call);
io::Task<Outcome> complete_multipart_upload(Call& call);
io::Task<Outcome> abort_multipart_upload(Call& call);
io::Task<Outcome> list_parts(Call& call);
io::Task<Outcome> list_multipart_uploads(Call& call);

}  // namespace larder::s3::ops
